/** Publishes a run to its channel from the current agent; see slipwayPublish.txt. */
void call(Map farm, Map given = [:]) {
    Map o = slipwayOptions('slipwayPublish', [
        repository: null, state: null, signingKey: null, signingPassphrase: null,
    ], given)
    if (farm.namespace || !farm.channel) {
        echo('slipway: this run builds a change: nothing is published')
        return
    }
    signed(o) {
        slipway(words(farm, o))
    }
}

/** Tests the signing key and write access before anything is built. `o`: the options of the step. */
void rehearse(Map farm, Map o) {
    signed(o) {
        slipway(slipway.joined([words(farm, o), ['--try']]))
    }
}

List words(Map farm, Map o) {
    List output = o.repository ? ['--output', "${o.repository}/${farm.channel}".toString()] : []
    return slipway.joined([slipway.ofRun('publish', farm, o.state), output])
}

/** Runs the body with the signing key and the passphrase named in the step's options. */
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
