ask_tcp() { : <>"/dev/tcp/${row[ip]}/$1"; } # PORT
