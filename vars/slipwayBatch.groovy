/** What a lane does next: take tasks, wait, or end; see slipwayBatch.txt. Jenkins does not interrupt these methods. */

/**
 * Takes the most urgent ready task, or several small ones where there are more than lanes and no haste, which is where
 * what is left for each lane is longer than the path above the task and a fifth of it. The same policy as in
 * query/lane-policy.ts. Gives their numbers; none where another lane was first.
 */
@NonCPS
String take(Map farm, int label, String lane, String agent = '') {
    farm.coming[label].remove(lane)
    List ready = farm.ready[label]
    List struck = struckOn(farm, agent)
    int at = 0
    while (at < ready.size() && struck.contains(ready[at])) { at = at + 1 }
    List batch = []
    int seconds = 0
    int lanes = farm.lanes[label]
    boolean more = at < ready.size()
    int most = more ? Math.min(60, ((farm.work[label] / lanes - farm.path[ready[at]] * 1.2) / 2).intValue()) : 0
    while (more) {
        int task = ready.remove(at)
        batch.add(task)
        seconds = seconds + farm.seconds[task]
        farm.state[task] = 'running'
        more = batch.size() < 20 && ready.size() > lanes && at < ready.size() && !struck.contains(ready[at]) &&
            seconds + farm.seconds[ready[at]] <= most
    }
    if (batch.isEmpty() && at > 0) { farm.refused.put(agent, (farm.refused.get(agent) ?: 0) + 1) }
    farm.batch.put(lane, batch)
    return batch.toString().replace(' ', '').replace('[', '').replace(']', '')
}

/**
 * Tasks in which a call broke off on an agent: another agent is to try them, so that it shows whose fault it was. Where
 * none does for two minutes, the same one tries them again.
 */
@NonCPS
List struckOn(Map farm, String agent) {
    return (farm.refused.get(agent) ?: 0) < 8 ? farm.strikes.get(agent) ?: [] : []
}

/** Whether an agent was given nothing though there is work. */
@NonCPS
boolean isRefused(Map farm, int label, String agent) {
    return !farm.ready[label].isEmpty() && !struckOn(farm, agent).isEmpty()
}

/** What a lane without an agent does. -1: takes one, there is work; 0: ends, others are enough; else sleeps seconds. */
@NonCPS
int next(Map farm, int label, String lane) {
    List idle = farm.idle[label]
    List coming = farm.coming[label]
    coming.remove(lane)
    // Lanes that wait for an agent take one task each at least.
    if (farm.ready[label].size() > coming.size()) {
        idle.remove(lane)
        farm.looks.remove(lane)
        coming.add(lane)
        return -1
    }
    if (!idle.contains(lane)) { idle.add(lane) }
    int open = farm.left[label] - coming.size()
    for (List batch : farm.batch.values()) {
        for (Integer task : batch) {
            if (farm.state[task] == 'running' && farm.label[task] == label) { open = open - 1 }
        }
    }
    if (idle.indexOf(lane) >= open) {
        idle.remove(lane)
        return 0
    }
    return pause(farm, label, lane, idle.indexOf(lane))
}

/**
 * Each look is a flow node that the controller keeps: at most 100 an hour for each lane of the label. The first in line
 * looks every 5 seconds, with fewer than ten lanes for some minutes, then as often as is left; those behind it ever
 * more seldom. The same as in query/lane-policy.ts.
 */
@NonCPS
int pause(Map farm, int label, String lane, int place) {
    int looks = farm.looks.get(lane) ?: 0
    farm.looks.put(lane, looks + 1)
    if (place > 0) { return Math.min(150, Math.min(60, 5 + 5 * place) * (looks + 1)) }
    // Lanes behind the first look 31 times in their first hour at most.
    int hourly = 69 * farm.lanes[label] + 31
    int quick = (hourly / 3).intValue()
    int slow = Math.min(3600, ((3600 - 5 * quick) / (hourly - quick)).intValue() + 1)
    if (slow <= 5) { return 5 }
    int tokens = farm.tokens[label] < 0 ? quick * 1000 : farm.tokens[label]
    int seconds = tokens >= 1000 ? 5 : slow
    farm.tokens[label] = Math.min(quick * 1000, tokens - 1000 + (1000 * seconds / slow).intValue())
    if (farm.tokens[label] < 0) { farm.tokens[label] = 0 }
    return seconds
}
