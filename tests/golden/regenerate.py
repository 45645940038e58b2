"""`make golden`: run the example and write the goldens and the pages made of code anew."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1] / "rating"))
sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

from conftest import run_home
from cookbook_page import PAGE, page
from golden import goldens, stored
from ready_goldens import ready_goldens, stored_ready

from ratemill.demo import prepare_home
from ratemill.reference import write

with TemporaryDirectory() as folder:
    home = prepare_home(Path(folder) / "home")
    run_home(home)
    texts = goldens(home) | ready_goldens()
for path in (stored() | stored_ready()) - set(texts):
    path.unlink()
for path, text in texts.items():
    path.write_text(text, encoding="utf-8")
write(Path(__file__).parents[2] / "docs" / "reference")
PAGE.write_text(page(), encoding="utf-8")
print(f"{len(texts)} goldens written; `git diff sample_data docs` shows what changed")
