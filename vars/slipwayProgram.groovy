/** Puts the program on an agent; see slipwayProgram.txt. The file name contains the program's digest. */
String name() {
    return "slipway-${libraryResource('slipway.digest').substring(0, 16)}.cjs"
}

/** The program's path on the current agent. Copied from the controller once for each workspace and version. */
String call() {
    String folder = pwd(tmp: true)
    String program = name()
    if (!fileExists("${folder}/${program}")) {
        writeFile(file: "${folder}/${program}.new", text: libraryResource('slipway.cjs'))
        // Only a complete file gets the final name: an incomplete one is never run.
        String line = "${libraryResource('slipway.digest').trim()}  ${program}.new"
        String check = "echo '${line}' | sha256sum --check --quiet -"
        String script = "#!/bin/sh -e\ncd${quoted([folder])}\n${check}\nmv ${program}.new ${program}\n"
        sh(script: script, label: 'slipway: check the program')
    }
    return "${folder}/${program}"
}

/** A command that succeeds if the agent's Node.js is new enough. */
@NonCPS
String isNew() {
    return "node -e 'var v=process.versions.node.split(\".\");process.exit(v[0]>18||v[0]==18&&v[1]>=19?0:1)' "
}

/** A script of one command. Exits with 126 if Node.js is too old. Its first line keeps the script out of the log. */
@NonCPS
String command(List words, String redirection = '') {
    return '#!/bin/sh\n' + quoted(words).substring(1) + redirection + '\nc=$?\n' +
        '[ $c -eq 0 ] || [ $c -eq 127 ] || ' + isNew() +
        '|| { echo "Node.js $(node --version) is too old" >&2; exit 126; }\n' +
        'exit $c\n'
}

/** Quotes words for sh. */
@NonCPS
String quoted(List words) {
    String line = ''
    for (Object word : words) {
        line = line + " '" + word.toString().replace("'", "'\\''") + "'"
    }
    return line
}

/**
 * The same for lanes: prints 'no program' if the program is missing or, since it came from a stash, damaged. Always
 * exits with 0, so that the output reaches the caller: errors and the exit code are printed as lines of their own.
 */
@NonCPS
String stashed(String program, List words) {
    String digest = program.substring(8, 24)
    return '#!/bin/sh\np="$WORKSPACE_TMP/' + program + '"\n[ -f "$p" ] || { echo no program; exit 0; }\n' +
        'case $(sha256sum < "$p") in ' + digest + '*) ;; *) rm -f "$p"; echo no program; exit 0 ;; esac\n' +
        'export SLIPWAY_ERRORS_FILE="$WORKSPACE_TMP/slipway-faults-$$"\n' +
        'node "$p"' + quoted(words) + '\nc=$?\necho\n' +
        '[ $c -eq 0 ] || [ $c -eq 127 ] || ' + isNew() +
        '|| echo "fault Node.js $(node --version) is too old: 18.19 or later is needed"\n' +
        '[ ! -s "$SLIPWAY_ERRORS_FILE" ] || sed -n "1s/^/fault /p" "$SLIPWAY_ERRORS_FILE"\n' +
        'rm -f "$SLIPWAY_ERRORS_FILE"\necho "exit $c"\n'
}
