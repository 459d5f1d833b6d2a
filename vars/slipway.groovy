/** The bridge: the one var that talks to the program; see slipway.txt. */
void call(List<String> arguments) {
    String errors = pwd(tmp: true) + '/slipway-errors'
    int code = sh(script: command(install(), arguments, ["SLIPWAY_ERRORS_FILE=${errors}".toString()]), returnStatus: true, label: "slipway ${arguments[0]}")
    if (code != 0) {
        fail(arguments[0], code, code == 1 && fileExists(errors) ? readFile(errors) : '')
    }
}

/** Where an agent keeps bases and copies: as asked for, else beside its workspace. */
List stateOf(String state) {
    return state ? ['--state', state] : []
}

/** What a verb prints; `code` of the reply is 0, or 1 where `tolerant`. */
Map ask(List<String> arguments, boolean tolerant = false) {
    String folder = pwd(tmp: true)
    String script = command(install(), arguments, ["SLIPWAY_ERRORS_FILE=${folder}/slipway-errors".toString()]) + " > '${folder.replace("'", "'\\''")}/slipway-reply'"
    int code = sh(script: script, returnStatus: true, label: "slipway ${arguments[0]}")
    if (code != 0 && !(tolerant && code == 1)) {
        fail(arguments[0], code, code == 1 && fileExists("${folder}/slipway-errors") ? readFile("${folder}/slipway-errors") : '')
    }
    return [code: code, text: readFile("${folder}/slipway-reply")]
}

/** The program's name, which tells its version. */
String program() {
    return "slipway-${libraryResource('slipway.digest').substring(0, 16)}.cjs"
}

/** The program's path on the agent at hand: written once for each workspace and version, since it passes through the controller. */
String install() {
    String digest = libraryResource('slipway.digest').trim()
    String program = "${pwd(tmp: true)}/slipway-${digest.substring(0, 16)}.cjs"
    if (!fileExists(program)) {
        writeFile(file: "${program}.new", text: libraryResource('slipway.cjs'))
        String shown = program.replace("'", "'\\''")
        // What came whole gets its name; anything else is never run.
        sh(script: "#!/bin/sh -e\necho '${digest}  ${shown}.new' | sha256sum --check --quiet -\nmv '${shown}.new' '${shown}'\n", label: 'slipway: check the program')
    }
    return program
}

/** One command for sh; each word reaches the program as it is. The first line keeps the shell from repeating it in the log. */
@NonCPS
String command(String program, List<String> arguments, List<String> environment = []) {
    return '#!/bin/sh\nexec' + quoted((environment.isEmpty() ? [] : ['env'] + environment) + ['node', program] + arguments)
}

@NonCPS
String quoted(List words) {
    String line = ''
    for (Object word : words) {
        line = line + " '" + word.toString().replace("'", "'\\''") + "'"
    }
    return line
}

/** The same where the program may be missing yet, which it then says; it is checked, since it came by way of a stash. */
@NonCPS
String stashed(String program, List<String> arguments) {
    return '#!/bin/sh\np="$WORKSPACE_TMP/' + program + '"\n[ -f "$p" ] || { echo no program; exit 0; }\ncase $(sha256sum < "$p") in ' + program.substring(8, 24) + '*) ;; *) rm -f "$p"; echo no program; exit 0 ;; esac\n' + 'exec node "$p"' + quoted(arguments) + '\n'
}

void fail(String verb, int code, String faults) {
    Map meaning = ['1': 'faults in the input or a failed build', '2': 'it was called in a way it does not know', '70': 'a fault of its own, please report it', '127': 'the agent has no node: apt-get install nodejs']
    error("slipway ${verb}: ${meaning.get(code.toString()) ?: 'it ended with ' + code}${faults ? ':\n' + faults.trim() : ', told in the log above'}")
}

/** Options over their defaults; an unknown one is refused with the nearest known. */
Map options(String step, Map defaults, Map given) {
    String fault = unknown(step, defaults, given)
    if (fault) {
        error(fault)
    }
    Map all = [:]
    all.putAll(defaults)
    all.putAll(given)
    return all
}

@NonCPS
String unknown(String step, Map defaults, Map given) {
    for (Object key : given.keySet()) {
        if (defaults.containsKey(key.toString())) {
            continue
        }
        String near = ''
        int least = 1000
        String known = ''
        for (Object name : defaults.keySet()) {
            int d = distance(name.toString(), key.toString())
            if (d < least) {
                least = d
                near = name
            }
            known = known + (known == '' ? '' : ', ') + name
        }
        return "${step}: there is no option '${key}'; did you mean '${near}'? There are ${known}"
    }
    return ''
}

@NonCPS
int distance(String a, String b) {
    List row = []
    for (int j = 0; j <= b.length(); j++) {
        row.add(j)
    }
    for (int i = 1; i <= a.length(); i++) {
        List next = [i]
        for (int j = 1; j <= b.length(); j++) {
            int changed = row[j - 1] + (a.substring(i - 1, i) == b.substring(j - 1, j) ? 0 : 1)
            next.add(Math.min(Math.min(next[j - 1] + 1, row[j] + 1), changed))
        }
        row = next
    }
    return row[b.length()]
}
