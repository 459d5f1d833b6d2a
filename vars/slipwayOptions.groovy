/** Options over their defaults; an unknown one is refused with the nearest known; see slipwayOptions.txt. */
Map call(String step, Map defaults, Map given) {
    String fault = unknown(step, defaults, given)
    if (fault) {
        error(fault)
    }
    Map all = [:]
    all.putAll(defaults)
    all.putAll(given)
    return all
}

@NonCPS
String unknown(String step, Map defaults, Map given) {
    for (Object key : given.keySet()) {
        if (!defaults.containsKey(key.toString())) {
            String near = ''
            String known = ''
            for (Object name : defaults.keySet()) {
                near = near == '' || distance(name.toString(), key.toString()) < distance(near, key.toString()) ? name.toString() : near
                known = known + (known == '' ? '' : ', ') + name
            }
            return "${step}: there is no option '${key}'; did you mean '${near}'? There are ${known}"
        }
    }
    return ''
}

/** How many letters must be added, left out or changed to make one of the other. */
@NonCPS
int distance(String a, String b) {
    List row = []
    for (int j = 0; j <= b.length(); j++) { row.add(j) }
    for (int i = 1; i <= a.length(); i++) {
        List next = [i]
        for (int j = 1; j <= b.length(); j++) {
            int changed = row[j - 1] + (a.substring(i - 1, i) == b.substring(j - 1, j) ? 0 : 1)
            next.add(Math.min(Math.min(next[j - 1] + 1, row[j] + 1), changed))
        }
        row = next
    }
    return row[b.length()]
}
