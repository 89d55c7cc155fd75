#!/bin/sh
# A Singer loader for first loads, out of programs that exist: target-postgres makes the tables, psql fills them.
# When to use it, and how psql finds the database: docs/loading.md. For Meltano it is target-postgres-by-psql.
#
#     tap-gainsight-px … | load/by_psql.sh --config target.json
set -eu

export CONFIG="${2:?the usage is: by_psql.sh --config target.json}"
export FOLDER="${0%/*}" SCHEMA="${TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA:-gainsight_px}" STARTED="$(date +%s)000"

# The parts of an address that Meltano has for target-postgres serve psql too, unless it has its own variables.
export PGHOST="${PGHOST:-${TARGET_POSTGRES_HOST:-}}" PGPORT="${PGPORT:-${TARGET_POSTGRES_PORT:-}}"
export PGUSER="${PGUSER:-${TARGET_POSTGRES_USER:-}}" PGPASSWORD="${PGPASSWORD:-${TARGET_POSTGRES_PASSWORD:-}}"
export PGDATABASE="${PGDATABASE:-${TARGET_POSTGRES_DATABASE:-}}"

# A psql takes so many messages and what follows up to the next STATE, in one transaction. So what it keeps of them
# for a while is small, and a load that breaks off goes on from the last STATE.
exec awk -v most="${MESSAGES_AT_ONCE:-50000}" '
BEGIN {
  # Who fails ends this program, since not every awk tells how a command ended.
  tables = "target-postgres --config \"$CONFIG\" > /dev/null || kill \"$PPID\""
  rows = "psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --set=schema=\"$SCHEMA\"" \
    " --set=started=\"$STARTED\" --file=\"$FOLDER/messages.sql\" || kill \"$PPID\""
}
# psql writes nothing before it gets END: so target-postgres is started once for all tables, and has made them by then.
function finish_part() {
  if (schemas) close(tables)
  if (messages) { print "END" | rows; close(rows) }
  schemas = messages = 0
}
{ head = substr($0, 1, 15) }
head == "{\"type\":\"RECORD" { print | rows; messages++; next }
head == "{\"type\":\"STATE\"" { print | rows; if (++messages >= most) finish_part(); next }
head == "{\"type\":\"SCHEMA" { print | tables; schemas++; next }
# A first load has no rows that are gone. The next version finds those that go later.
head == "{\"type\":\"ACTIVA" { next }
{
  print "by_psql.sh: cannot load this, only RECORD messages and what goes with them: " substr($0, 1, 60) > "/dev/stderr"
  is_refused = 1
  exit 1
}
END { if (!is_refused) finish_part() }'
