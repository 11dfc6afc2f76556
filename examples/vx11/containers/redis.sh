#!/bin/sh
# Runs redis-server for the stack.  As the first service to start it makes the secrets that are missing.
set -eu
for secret in principal admin redis; do new-secret --missing "$secret"; done

# Every write is on disk before it is answered, and what is full refuses rather than forgets: madre's messages are kept
# here.  Read from standard input, for arguments are seen by all; the server itself gets the signals.
exec redis-server - <<CONFIGURATION
requirepass $(cat /run/secrets/redis/password)
bind 0.0.0.0
dir /data
appendonly yes
appendfsync always
save ''
maxmemory 192mb
maxmemory-policy noeviction
CONFIGURATION
