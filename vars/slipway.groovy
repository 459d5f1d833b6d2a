/** The bridge: the one var that talks to the program; see slipway.txt. */
void call(List<String> arguments) {
    execute(arguments, '', false)
}

/** What a command prints; `code` of the reply is 0, or 1 where `tolerant`. */
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
        '1': 'faults in the input or a failed build',
        '2': 'it was called in a way it does not know',
        '70': 'a fault of its own, please report it',
        '126': 'the node of the agent is too old: 18.19 or later is needed',
        '127': 'the agent has no node: apt-get install nodejs',
    ]
    String reason = meaning.get(code.toString()) ?: "it ended with ${code}"
    error("slipway ${command}: ${reason}${faults ? ':\n' + faults : ', told in the log above'}")
}

/** Where an agent keeps bases and copies: as asked for, else in the home of its user. */
List stateOf(String state) {
    return state ? ['--state', state] : []
}

/** What each command of a run is told. */
List ofRun(String command, Map farm, String state) {
    List namespace = farm.namespace ? ['--namespace', farm.namespace] : []
    return joined([[command, '--run', farm.run, '--store', farm.store], namespace, stateOf(state)])
}

/** Lists, one after another. */
@NonCPS
List joined(List lists) {
    List all = []
    for (List list : lists) { all.addAll(list) }
    return all
}
