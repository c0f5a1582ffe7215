#!/bin/sh
# Draws what is not there yet: a password for each user of the database, and for each node the key under which its
# private keys are encrypted. Each reader has a folder of its own: database, sequencer, mediator.
set -eu
umask 077
cd "${1:?the folder of secrets}"

# 32 random bytes, as hexadecimal digits.
draw() {
    [ -s "$1" ] && return
    head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n' > "$1.new"
    mv "$1.new" "$1"
    echo "drawn: $1"
}

draw database/superuser-password
for node in sequencer mediator; do
    draw "$node/database-password"
    draw "$node/private-keys"
    cp "$node/database-password" "database/$node-password"
done
# Read by the user of the server, whose number is not ours.
chmod a+r database/*
