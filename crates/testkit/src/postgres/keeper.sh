# Keeps one private server alive for as long as standard input stays open, then stops it and removes its folder.
# Lines of standard input: `stop` ends the server as a crash does, `start` starts it again.
# $1 = folder with the programs, $2 = folder of the server (holds `settings`, and `files/` to be put into the data folder)
cd "$2" || exit 1
start() {
    "$1/initdb" -D data -U postgres --auth=trust --encoding=UTF8 --locale=C --no-sync || return 1
    cat settings >> data/postgresql.conf
    cp -p files/* data/ 2>/dev/null
    chmod 600 data/*.key 2>/dev/null
    "$1/pg_ctl" -D data -l log -w -t 60 start
}
if start "$1" > start.log 2>&1; then echo ready; else echo failed; fi
while read -r command; do
    case "$command" in
        stop) "$1/pg_ctl" -D data -m immediate -w -t 60 stop > stop.log 2>&1 ;;
        start) "$1/pg_ctl" -D data -l log -w -t 60 start > start.log 2>&1 ;;
        *) false ;;
    esac && echo ready || echo failed
done
"$1/pg_ctl" -D data -m immediate -w -t 60 stop > /dev/null 2>&1
cd /
rm -rf "$2"
