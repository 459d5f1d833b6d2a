/** Calls the slipway program on the current agent; see slipway.txt. */
void call(List<String> arguments) {
    execute(arguments, '', false)
}

/** Returns the output of a command as `text` and its exit code as `code`: 0, or 1 if `tolerant`. */
Map ask(List<String> arguments, boolean tolerant = false) {
    String reply = "${pwd(tmp: true)}/slipway-reply"
    int code = execute(arguments, ' >' + slipwayProgram.quoted([reply]), tolerant)
    return [code: code, text: readFile(reply)]
}

int execute(List<String> arguments, String reply, boolean tolerant) {
    String program = slipwayProgram()
    String faults = "${pwd(tmp: true)}/slipway-errors"
    List words = joined([['env', "SLIPWAY_ERRORS_FILE=${faults}", 'node', program], arguments])
    String script = slipwayProgram.command(words, reply)
    int code = sh(script: script, returnStatus: true, label: "slipway ${arguments[0]}")
    if (code != 0 && !(tolerant && code == 1)) {
        fail(arguments[0], code, code == 1 && fileExists(faults) ? readFile(faults).trim() : '')
    }
    return code
}

void fail(String command, int code, String faults) {
    Map meaning = [
        '1': 'errors in the input, or a failed build',
        '2': 'invalid arguments',
        '70': 'internal error in slipway, please report it',
        '126': 'Node.js on the agent is too old: 18.19 or later is needed',
        '127': 'Node.js is not installed on the agent: apt-get install nodejs',
    ]
    String reason = meaning.get(code.toString()) ?: "exit code ${code}"
    error("slipway ${command}: ${reason}${faults ? ':\n' + faults : '; see the log above'}")
}

/** The option for the agent's state folder (base systems, local copies); without it, below the user's home. */
List stateOf(String state) {
    return state ? ['--state', state] : []
}

/** The command and the options that every command of a run needs. */
List ofRun(String command, Map farm, String state) {
    List namespace = farm.namespace ? ['--namespace', farm.namespace] : []
    return joined([[command, '--run', farm.run, '--store', farm.store], namespace, stateOf(state)])
}

/** Concatenates lists. */
@NonCPS
List joined(List lists) {
    List all = []
    for (List list : lists) { all.addAll(list) }
    return all
}
