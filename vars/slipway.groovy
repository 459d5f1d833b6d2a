/** Runs a verb of slipway on the agent at hand; see slipway.txt. */
int call(List<String> arguments) {
    String program = pwd(tmp: true) + '/slipway.cjs'
    // Written once for each agent's workspace: the bundle passes through the controller.
    if (!fileExists(program)) {
        writeFile(file: program, text: libraryResource('slipway.cjs'))
    }
    List<String> words = ['node', program] + arguments
    List<String> quoted = []
    for (String word : words) {
        quoted.add("'" + word.replace("'", "'\\''") + "'")
    }
    int code = sh(script: quoted.join(' '), returnStatus: true, label: 'slipway ' + arguments.join(' '))
    if (code == 0) {
        return code
    }
    error(code == 1 ? 'slipway: faults in the input or a failed build, told in the log above' : "slipway ended with ${code}")
}
