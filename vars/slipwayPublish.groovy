/** Publishes a run to its channel from the agent at hand; see slipwayPublish.txt. */
void call(Map farm, Map given = [:]) {
    Map o = slipwayOptions('slipwayPublish', [
        repository: null, state: null, signingKey: null, signingPassphrase: null,
    ], given)
    if (farm.namespace || !farm.channel) {
        echo('slipway: this run is of a change: it publishes nothing')
        return
    }
    signed(o) {
        slipway(words(farm, o))
    }
}

/** Signs a text and tries the places, before anything is built; `o` has what the step is given, the key too. */
void rehearse(Map farm, Map o) {
    signed(o) {
        slipway(slipway.joined([words(farm, o), ['--try']]))
    }
}

List words(Map farm, Map o) {
    List output = o.repository ? ['--output', "${o.repository}/${farm.channel}".toString()] : []
    return slipway.joined([slipway.ofRun('publish', farm, o.state), output])
}

/** Runs its body with the key and the passphrase that a step was given. */
void signed(Map o, Closure body) {
    List bindings = []
    if (o.signingKey) { bindings.add(file(credentialsId: o.signingKey, variable: 'SLIPWAY_SIGNING_KEY_FILE')) }
    if (o.signingPassphrase) {
        bindings.add(string(credentialsId: o.signingPassphrase, variable: 'SLIPWAY_SIGNING_PASSPHRASE'))
    }
    withCredentials(bindings) {
        body()
    }
}
