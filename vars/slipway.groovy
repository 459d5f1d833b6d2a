/** The bridge: the one var that talks to the program; see slipway.txt. */
void call(List<String> arguments) {
    execute(arguments, '', false)
}

/** What a verb prints; `code` of the reply is 0, or 1 where `tolerant`. */
Map ask(List<String> arguments, boolean tolerant = false) {
    String reply = "${pwd(tmp: true)}/slipway-reply"
    int code = execute(arguments, ' >' + slipwayProgram.quoted([reply]), tolerant)
    return [code: code, text: readFile(reply)]
}

int execute(List<String> arguments, String reply, boolean tolerant) {
    String program = slipwayProgram()
    String faults = "${pwd(tmp: true)}/slipway-errors"
    int code = sh(script: slipwayProgram.command(joined([['env', "SLIPWAY_ERRORS_FILE=${faults}", 'node', program], arguments])) + reply, returnStatus: true, label: "slipway ${arguments[0]}")
    if (code != 0 && !(tolerant && code == 1)) {
        fail(arguments[0], code, code == 1 && fileExists(faults) ? readFile(faults).trim() : '')
    }
    return code
}

void fail(String verb, int code, String faults) {
    Map meaning = ['1': 'faults in the input or a failed build', '2': 'it was called in a way it does not know', '70': 'a fault of its own, please report it', '127': 'the agent has no node: apt-get install nodejs']
    error("slipway ${verb}: ${meaning.get(code.toString()) ?: 'it ended with ' + code}${faults ? ':\n' + faults : ', told in the log above'}")
}

/** Where an agent keeps bases and copies: as asked for, else beside its workspace. */
List stateOf(String state) {
    return state ? ['--state', state] : []
}

/** What each verb of a run is told. */
List ofRun(String verb, Map farm, String state) {
    return joined([[verb, '--run', farm.run, '--store', farm.store], farm.place ? ['--place', farm.place] : [], stateOf(state)])
}

/** Lists, one after another. */
@NonCPS
List joined(List lists) {
    List all = []
    for (List list : lists) { all.addAll(list) }
    return all
}
