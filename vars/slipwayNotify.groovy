/** Notifies people of failed, still failing and fixed builds; see slipwayNotify.txt. */
void call(Map given = [:]) {
    Map o = slipwayOptions('slipwayNotify', [notify: null, maintainers: false, good: true, summary: []], given)
    String before = resultBefore()
    String state = !o.good ? (before == 'FAILURE' ? 'still failing' : 'failed') : (before == 'FAILURE' ? 'fixed' : '')
    if (state == '') { return }
    Map facts = [
        state: state, name: currentBuild.fullDisplayName, description: currentBuild.description ?: '',
        url: env.BUILD_URL ?: '',
        failed: after(o.summary, 'failed '), maintainers: after(o.summary, 'maintainer '),
    ]
    try {
        if (o.notify instanceof Closure) {
            Closure tell = o.notify
            tell(facts)
        } else { post(o, facts) }
    } catch (e) {
        // A failed notification does not fail the build.
        echo("slipway: the notification failed: ${e.message}")
    }
}

void post(Map o, Map facts) {
    List to = o.notify ? [o.notify.toString()] : []
    if (o.maintainers) { to.addAll(facts.maintainers) }
    if (to.isEmpty()) { return }
    String subject = "${facts.name} ${facts.state}: ${facts.description}".toString()
    mail(to: to.join(','), subject: subject, body: "${facts.url}\n\n${facts.failed.join('\n')}".toString())
}

/** The result of the last build that was not aborted. */
String resultBefore() {
    def earlier = currentBuild.previousBuild
    for (int i = 0; i < 20 && earlier != null; i++) {
        if (['SUCCESS', 'UNSTABLE', 'FAILURE'].contains(earlier.result)) { return earlier.result }
        earlier = earlier.previousBuild
    }
    return ''
}

/** The lines that begin with `start`, without it. */
@NonCPS
List after(List lines, String start) {
    List found = []
    for (String line : lines) { if (line.startsWith(start)) { found.add(line.substring(start.length())) } }
    return found
}
