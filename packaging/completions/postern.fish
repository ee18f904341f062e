# fish completion for postern

# What is known on this machine; nothing is asked over the network.
function __postern_services
    postern services --names 2>/dev/null
end
function __postern_command
    set -l words (commandline -opc)
    test (count $words) -ge 2; and contains -- $words[2] $argv
end
set -l no_command 'test (count (commandline -opc)) -eq 1'

complete -c postern -f
complete -c postern -l help -d 'Show help'
complete -c postern -n $no_command -l version -d 'Show the version'
complete -c postern -n $no_command -l explain -d 'What a reason means'
complete -c postern -n 'test (commandline -opc)[-1] = --explain' -a "(postern --explain all 2>/dev/null | string match -v ' *')"
for line in \
        'login	Log in at the CA service' \
        'logout	End the login session' \
        'status	Who is logged in, which ports are open, what broke last' \
        'services	What you may connect to' \
        'connect	Open local ports to services' \
        'disconnect	Close a service\'s local ports' \
        'psql	Run psql on a service' \
        'run	Run a program with PGHOST, PGPORT and PGUSER set' \
        'wait	Until a service answers' \
        'doctor	Look for what is wrong' \
        'events	What became of connections and of the login' \
        'agent	Serve the other commands and the tray'
    set -l parts (string split \t -- $line)
    complete -c postern -n $no_command -a $parts[1] -d $parts[2]
end

set -l ask '__postern_command login connect psql run'
complete -c postern -n $ask -l ca -x -d 'https://HOST:PORT of the CA service'
complete -c postern -n $ask -l fingerprint -x -d 'sha256:HEX of its server CA'
complete -c postern -n $ask -l user -x -d 'Login name'
complete -c postern -n $ask -l password-stdin -d 'Read the password from standard input'
complete -c postern -n $ask -l password-file -r -F -d 'Read the password from a file of mode 0600'
complete -c postern -n $ask -l non-interactive -d 'Never ask anything'
set -l own '__postern_command connect psql run'
complete -c postern -n $own -l cert -r -F -d 'PEM file: certificate, then its issuers'
complete -c postern -n $own -l key -r -F -d 'PEM file of its key, mode 0600'
complete -c postern -n $own -l server-ca -r -F -d 'PEM file of the server CA'
complete -c postern -n $own -l trust-domain -x -d 'Trust domain'
complete -c postern -n $own -l gateway -x -d 'NAME=HOST:PORT'

complete -c postern -n '__postern_command login logout status services connect disconnect wait doctor events' -l json -d 'As JSON'
complete -c postern -n '__postern_command services' -l names -d 'The names alone, as far as they are known here'
complete -c postern -n '__postern_command connect' -l passthrough -x -a '(__postern_services)' -d 'Let bytes through untouched'
complete -c postern -n '__postern_command connect' -l background -d 'Leave the ports open and return'
complete -c postern -n '__postern_command connect' -l service-file -d 'Also write ~/.pg_service.conf'
complete -c postern -n '__postern_command connect' -l own-agent -d 'End the agent with this command'
complete -c postern -n '__postern_command connect' -l wait -d 'Wait for a CA service that cannot be reached yet'
complete -c postern -n '__postern_command connect' -l warm -x -d 'Connections to the gateway to keep ready'
complete -c postern -n '__postern_command connect' -l unsafe-any-local-user -d 'Let other users of this machine use the ports'
complete -c postern -n '__postern_command connect wait doctor' -l database -x -d 'Name of the database'
complete -c postern -n '__postern_command doctor' -l ca -x -d 'CA service to look at before the first login'
complete -c postern -n '__postern_command psql run' -l tcp -d 'Through localhost, and not the Unix socket'
complete -c postern -n '__postern_command events' -l connection -x -d 'Of the connection with this id'
complete -c postern -n '__postern_command events' -l limit -x -d 'At most so many'
complete -c postern -n '__postern_command wait' -l timeout -x -d 'How long, for example 30s'
complete -c postern -n '__postern_command agent' -l stop -d 'End the agent that runs'
complete -c postern -n '__postern_command agent' -l on-demand -d 'End when nobody has needed it for a while'
complete -c postern -n '__postern_command connect disconnect psql run wait doctor events' -a '(__postern_services)' -d Service
