"""Write every NAME.txt anew."""

import os

from tests.wrong import CASES, FOLDER, told

os.chdir(FOLDER)
for name in CASES:
    (FOLDER / f"{name}.txt").write_text(told(name, "compile")[1])
