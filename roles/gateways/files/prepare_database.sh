#!/bin/sh
# Run in the Job's pod, with the databases as arguments, the cluster's first. Where and as whom it connects stands in the
# environment, the password in a file, which libpq takes only from a file that nobody else may read.
set -eu
umask 077
cp /run/secrets/database/pgpass /tmp/pgpass
export PGPASSFILE=/tmp/pgpass
run() {
  psql --no-psqlrc --no-password --quiet --set=declared="$(cat /etc/database/declared.json)" --dbname="$1" \
    --file="/etc/database/$2"
}
run "$1" users.sql
for database in "$@"; do
  run "$database" schemas.sql
done
echo "prepared: $*"
