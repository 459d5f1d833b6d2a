/** Runs its body with credentials for git; see slipwayCredentials.txt. */
void call(List<Map> credentials, Closure body) {
    List bindings = []
    List<String> hosts = []
    for (int i = 0; i < credentials.size(); i++) {
        Map c = slipwayOptions('sourceCredentials', [id: null, host: null, type: 'password'], credentials[i])
        String name = "SLIPWAY_GIT_${i}".toString()
        if (!c.id || !c.host) { error("sourceCredentials: each needs an id of Jenkins' credentials and a host") }
        hosts.add("${name}_HOST=${c.host}".toString())
        if (c.type == 'password') { bindings.add(usernamePassword(credentialsId: c.id, usernameVariable: "${name}_USER".toString(), passwordVariable: "${name}_PASSWORD".toString())) }
        else if (c.type == 'token') { bindings.add(string(credentialsId: c.id, variable: "${name}_PASSWORD".toString())) }
        else if (c.type == 'ssh') { bindings.add(sshUserPrivateKey(credentialsId: c.id, keyFileVariable: "${name}_KEY".toString(), usernameVariable: "${name}_USER".toString())) }
        else { error("sourceCredentials: the type is password, token or ssh, not '${c.type}'") }
    }
    withEnv(hosts) {
        withCredentials(bindings) {
            body()
        }
    }
}
