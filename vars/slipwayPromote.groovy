/** Promotes a state of one channel to another, after an approval if required; see slipwayPromote.txt. */
boolean call(Map given = [:]) {
    Map o = slipwayOptions('slipwayPromote', [
        from: 'nightly', to: null, id: null, approval: false, submitter: null, hours: 12, force: null,
        distro: null, store: null, state: null, label: 'slipway', repository: null,
        signingKey: null, signingPassphrase: null,
    ], given)
    if (!o.to) { error("slipwayPromote: the option 'to' is required: the channel that the state is promoted to") }
    Map judged = [code: 1, text: '']
    slipwayNode(o.label) {
        checkout(scm)
        List pending = o.approval ? ['--approval-pending'] : []
        judged = slipway.ask(slipway.joined([words(o, o.id), ['--dry-run'], pending]), true)
    }
    if (!judged.text) { error("slipwayPromote: ${o.from} can't be promoted to ${o.to}; see the log above") }
    echo(judged.text)
    if (judged.code != 0) {
        echo("slipway: ${o.to} is unchanged: not all criteria are met")
        return false
    }
    // Promote the state that was checked, even if a newer one is published meanwhile. No agent is held during approval.
    String id = stateIn(judged.text)
    String approver = o.approval ? approverOf(o, id) : ''
    if (o.approval && !approver) { return false }
    slipwayNode(o.label) {
        checkout(scm)
        lock("slipway ${o.to}".toString()) {
            slipwayPublish.signed(o) {
                slipway(slipway.joined([words(o, id), approver ? ['--approved-by', approver] : []]))
            }
        }
    }
    return true
}

List words(Map o, String id) {
    return slipway.joined([
        ['promote', o.from, o.to], id ? ['--state', id] : [], o.distro ? ['--distro', o.distro] : [],
        o.store ? ['--store', o.store] : [], o.state ? ['--state-folder', o.state] : [],
        o.repository ? ['--repository', "${o.repository}/${o.to}/apt".toString()] : [],
        o.force ? ['--force', o.force] : [],
    ])
}

/** The user who approved, or '' if nobody did in time. */
String approverOf(Map o, String id) {
    String message = "Promote state ${id} of ${o.from} to ${o.to}?".toString()
    Map question = [message: message, ok: 'Promote', submitterParameter: 'SLIPWAY_APPROVER']
    if (o.submitter) { question.put('submitter', o.submitter) }
    String approver = ''
    long until = slipwayAgents.now() + o.hours * 3600000L
    try {
        timeout(time: o.hours, unit: 'HOURS') { approver = input(question) }
    } catch (e) {
        // Pass on a rejection or an abort.
        if (slipwayAgents.now() < until) { throw e }
        echo("slipway: ${o.to} is unchanged: nobody approved within ${o.hours} hours")
    }
    return approver
}

/** The state's id. The first line of the output is 'state ID of …', with an id of 16 digits. */
@NonCPS
String stateIn(String text) {
    return text.substring(6, 22)
}
