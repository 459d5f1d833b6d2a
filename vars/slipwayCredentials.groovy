/** Runs its body with credentials for git; see slipwayCredentials.txt. */
void call(List<Map> credentials, Closure body) {
    List bindings = []
    List<String> hosts = []
    for (int i = 0; i < credentials.size(); i++) {
        Map c = slipwayOptions('sourceCredentials', [id: null, host: null, type: 'password'], credentials[i])
        String name = "SLIPWAY_GIT_${i}".toString()
        if (!c.id || !c.host) { error("sourceCredentials: each entry needs 'id' (of Jenkins credentials) and 'host'") }
        hosts.add("${name}_HOST=${c.host}".toString())
        bindings.add(bindingOf(c, name + '_USER', name + '_PASSWORD', name + '_KEY'))
    }
    withEnv(hosts) {
        withCredentials(bindings) {
            body()
        }
    }
}

Object bindingOf(Map c, String user, String password, String key) {
    if (c.type == 'password') {
        return usernamePassword(credentialsId: c.id, usernameVariable: user, passwordVariable: password)
    }
    if (c.type == 'token') { return string(credentialsId: c.id, variable: password) }
    if (c.type == 'ssh') { return sshUserPrivateKey(credentialsId: c.id, keyFileVariable: key, usernameVariable: user) }
    error("sourceCredentials: unknown type '${c.type}'; use password, token or ssh")
}
