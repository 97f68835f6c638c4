"""Write what is made of every case anew."""

from tests.importers import CASES, FOLDER, made

for case in CASES:
    for name, text in made(case).items():
        (FOLDER / case / name).write_text(text)
