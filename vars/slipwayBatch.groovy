/** Decides if a lane takes tasks, waits or ends; see slipwayBatch.txt. Jenkins does not interrupt these methods. */

/**
 * Takes the most urgent ready task. Takes several small tasks if more tasks are ready than there are lanes and the
 * task is not urgent: the work left per lane exceeds the task's longest path of dependents by more than a fifth.
 * Implements the same policy as query/lane-policy.ts. Returns the task numbers, '' if another lane took the tasks.
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
 * Tasks during which a call broke off on this agent. Another agent should try them, to find out whether the agent or
 * the task is at fault. If none does within two minutes, the same agent may try them again.
 */
@NonCPS
List struckOn(Map farm, String agent) {
    return (farm.refused.get(agent) ?: 0) < 8 ? farm.strikes.get(agent) ?: [] : []
}

/** Whether an agent got no task although tasks are ready. */
@NonCPS
boolean isRefused(Map farm, int label, String agent) {
    return !farm.ready[label].isEmpty() && !struckOn(farm, agent).isEmpty()
}

/** What a lane without an agent does: -1 requests one for a ready task, 0 ends the lane, other values sleep seconds. */
@NonCPS
int next(Map farm, int label, String lane) {
    List idle = farm.idle[label]
    List coming = farm.coming[label]
    coming.remove(lane)
    // Each lane that waits for an agent will take at least one task.
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
 * How many seconds an idle lane sleeps. Each sleep adds a flow node that the controller keeps, so the lanes of a label
 * share a budget of 100 an hour for each lane. The first idle lane checks every 5 seconds, with fewer than ten lanes
 * only for some minutes, then as often as the budget allows; the lanes behind it check less and less often. The same as
 * in query/lane-policy.ts.
 */
@NonCPS
int pause(Map farm, int label, String lane, int place) {
    int looks = farm.looks.get(lane) ?: 0
    farm.looks.put(lane, looks + 1)
    if (place > 0) { return Math.min(150, Math.min(60, 5 + 5 * place) * (looks + 1)) }
    // Each lane behind the first checks at most 31 times in its first hour.
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
