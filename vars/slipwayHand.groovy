/** What a lane takes into its hand, or how long it sleeps where there is nothing; see slipwayHand.txt. */

/**
 * The most urgent ready task, or several small ones where there are more than lanes and no haste, which is where what is left for each
 * lane is longer than the path above the task and a fifth of it. The same policy as in plan/simulate.ts. Gives their numbers.
 */
@NonCPS
String take(Map farm, int label, String lane) {
    List ready = farm.ready[label]
    List hand = []
    int seconds = 0
    int most = ready.isEmpty() ? 0 : Math.min(60, ((farm.work[label] / farm.lanes[label] - farm.path[ready[0]] * 1.2) / 2).intValue())
    while (!ready.isEmpty() && hand.size() < 20 && (hand.isEmpty() || (seconds + farm.seconds[ready[0]] <= most && ready.size() > farm.lanes[label]))) {
        int task = ready.remove(0)
        hand.add(task)
        seconds = seconds + farm.seconds[task]
        farm.state[task] = 'running'
    }
    farm.hand.put(lane, hand)
    return hand.toString().replace(' ', '').replace('[', '').replace(']', '')
}

/**
 * Seconds that a lane with nothing to do sleeps: the first in line looks soon, those behind it seldom. None where those before it are
 * as many as there are tasks that nobody has in hand: then it is not needed any more.
 */
@NonCPS
int pause(Map farm, int label, String lane) {
    List idle = farm.idle[label]
    if (!idle.contains(lane)) { idle.add(lane) }
    int open = farm.left[label]
    for (List hand : farm.hand.values()) {
        for (Integer task : hand) {
            if (farm.state[task] == 'running' && farm.label[task] == label) { open = open - 1 }
        }
    }
    if (idle.indexOf(lane) >= open) {
        idle.remove(lane)
        return 0
    }
    return [2, 3, 4, 5, 7, 9, 12, 16, 22, 30, 40, 45][Math.min(idle.indexOf(lane), 11)]
}
