/** The program as a file of an agent: see slipwayProgram.txt. Its name tells its version. */
String name() {
    return "slipway-${libraryResource('slipway.digest').substring(0, 16)}.cjs"
}

/** Its path on the agent at hand: written once for each workspace and version, since it passes through the controller. */
String call() {
    String folder = pwd(tmp: true)
    String program = name()
    if (!fileExists("${folder}/${program}")) {
        writeFile(file: "${folder}/${program}.new", text: libraryResource('slipway.cjs'))
        // What came whole gets its name; anything else is never run.
        sh(script: "#!/bin/sh -e\ncd${quoted([folder])}\necho '${libraryResource('slipway.digest').trim()}  ${program}.new' | sha256sum --check --quiet -\nmv ${program}.new ${program}\n", label: 'slipway: check the program')
    }
    return "${folder}/${program}"
}

/** One command for sh. The first line keeps the shell from repeating it in the log. */
@NonCPS
String command(List words) {
    return '#!/bin/sh\nexec' + quoted(words)
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
 * The same where the program may be missing yet, which it then says; it is checked, since it came by way of a stash. Whatever happens,
 * what it printed arrives: its faults and its exit code come as lines of their own.
 */
@NonCPS
String stashed(String program, List words) {
    return '#!/bin/sh\np="$WORKSPACE_TMP/' + program + '"\n[ -f "$p" ] || { echo no program; exit 0; }\n' +
        'case $(sha256sum < "$p") in ' + program.substring(8, 24) + '*) ;; *) rm -f "$p"; echo no program; exit 0 ;; esac\n' +
        'export SLIPWAY_ERRORS_FILE="$WORKSPACE_TMP/slipway-faults-$$"\n' +
        'node "$p"' + quoted(words) + '\nc=$?\necho\n' +
        '[ ! -s "$SLIPWAY_ERRORS_FILE" ] || sed -n "1s/^/fault /p" "$SLIPWAY_ERRORS_FILE"\n' +
        'rm -f "$SLIPWAY_ERRORS_FILE"\necho "exit $c"\n'
}
