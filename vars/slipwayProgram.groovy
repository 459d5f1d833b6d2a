/** The program as a file of an agent: see slipwayProgram.txt. Its name tells its version. */
String name() {
    return "slipway-${libraryResource('slipway.digest').substring(0, 16)}.cjs"
}

/** Its path on the agent at hand. It passes through the controller: written once for each workspace and version. */
String call() {
    String folder = pwd(tmp: true)
    String program = name()
    if (!fileExists("${folder}/${program}")) {
        writeFile(file: "${folder}/${program}.new", text: libraryResource('slipway.cjs'))
        // What came whole gets its name; anything else is never run.
        String line = "${libraryResource('slipway.digest').trim()}  ${program}.new"
        String check = "echo '${line}' | sha256sum --check --quiet -"
        String script = "#!/bin/sh -e\ncd${quoted([folder])}\n${check}\nmv ${program}.new ${program}\n"
        sh(script: script, label: 'slipway: check the program')
    }
    return "${folder}/${program}"
}

/** Passes where the agent's node is one that the program runs on. */
@NonCPS
String isNew() {
    return "node -e 'var v=process.versions.node.split(\".\");process.exit(v[0]>18||v[0]==18&&v[1]>=19?0:1)' "
}

/** A script of one command, which ends with 126 where node is too old. Its first line keeps it out of the log. */
@NonCPS
String command(List words, String redirection = '') {
    return '#!/bin/sh\n' + quoted(words).substring(1) + redirection + '\nc=$?\n' +
        '[ $c -eq 0 ] || [ $c -eq 127 ] || ' + isNew() +
        '|| { echo "node $(node --version) is too old" >&2; exit 126; }\n' +
        'exit $c\n'
}

/** Words for sh, each as it is. */
@NonCPS
String quoted(List words) {
    String line = ''
    for (Object word : words) {
        line = line + " '" + word.toString().replace("'", "'\\''") + "'"
    }
    return line
}

/**
 * The same where the program may be missing yet, which it then says; it is checked, since it came by way of a stash.
 * Whatever happens, what it printed arrives: its faults and its exit code come as lines of their own.
 */
@NonCPS
String stashed(String program, List words) {
    String digest = program.substring(8, 24)
    return '#!/bin/sh\np="$WORKSPACE_TMP/' + program + '"\n[ -f "$p" ] || { echo no program; exit 0; }\n' +
        'case $(sha256sum < "$p") in ' + digest + '*) ;; *) rm -f "$p"; echo no program; exit 0 ;; esac\n' +
        'export SLIPWAY_ERRORS_FILE="$WORKSPACE_TMP/slipway-faults-$$"\n' +
        'node "$p"' + quoted(words) + '\nc=$?\necho\n' +
        '[ $c -eq 0 ] || [ $c -eq 127 ] || ' + isNew() +
        '|| echo "fault node $(node --version) is too old: 18.19 or later is needed"\n' +
        '[ ! -s "$SLIPWAY_ERRORS_FILE" ] || sed -n "1s/^/fault /p" "$SLIPWAY_ERRORS_FILE"\n' +
        'rm -f "$SLIPWAY_ERRORS_FILE"\necho "exit $c"\n'
}
