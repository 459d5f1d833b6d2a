/** Promotes a channel to a state of another one, with an approval where it is asked for; see slipwayPromote.txt. */
boolean call(Map given = [:]) {
    Map o = slipwayOptions('slipwayPromote', [
        from: 'nightly', to: null, id: null, approval: false, submitter: null, hours: 12, force: null,
        distro: null, store: null, state: null, label: 'slipway', repository: null,
        signingKey: null, signingPassphrase: null,
    ], given)
    if (!o.to) { error("slipwayPromote: 'to' names the channel that the state is promoted to") }
    Map judged = [code: 1, text: '']
    slipwayNode(o.label) {
        checkout(scm)
        List pending = o.approval ? ['--approval-pending'] : []
        judged = slipway.ask(slipway.joined([words(o, o.id), ['--dry-run'], pending]), true)
    }
    if (!judged.text) { error("slipwayPromote: ${o.from} can't be promoted to ${o.to}, told in the log above") }
    echo(judged.text)
    if (judged.code != 0) {
        echo("slipway: ${o.to} stays as it is: not all criteria are met")
        return false
    }
    // What was judged is what is promoted, whatever is published meanwhile. No agent is held while people think.
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

/** Who approves; empty where nobody did in time. */
String approverOf(Map o, String id) {
    String message = "Promote state ${id} of ${o.from} to ${o.to}?".toString()
    Map question = [message: message, ok: 'Promote', submitterParameter: 'SLIPWAY_APPROVER']
    if (o.submitter) { question.put('submitter', o.submitter) }
    String approver = ''
    long until = slipwayAgents.now() + o.hours * 3600000L
    try {
        timeout(time: o.hours, unit: 'HOURS') { approver = input(question) }
    } catch (e) {
        // A refusal and an abort go on up.
        if (slipwayAgents.now() < until) { throw e }
        echo("slipway: ${o.to} stays as it is: nobody approved within ${o.hours} hours")
    }
    return approver
}

/** The first line is 'state ID of …', of 16 digits. */
@NonCPS
String stateIn(String text) {
    return text.substring(6, 22)
}
