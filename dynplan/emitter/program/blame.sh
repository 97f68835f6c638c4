blame() { event failed "$1 $who: $2; log $log"; } # CODE TEXT
