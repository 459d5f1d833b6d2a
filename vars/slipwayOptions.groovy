/** Merges options with their defaults. Rejects an unknown option and suggests a similar one; see slipwayOptions.txt. */
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
            String known = ''
            for (Object name : defaults.keySet()) { known = known + (known == '' ? '' : ', ') + name }
            String near = nearest(key.toString(), defaults)
            String hint = near == '' ? '.' : "; did you mean '${near}'?"
            return "${step}: unknown option '${key}'${hint} Options: ${known}"
        }
    }
    return ''
}

/** The key most similar to a mistyped one, or '' if none is similar; the same as in model/diagnostics.ts. */
@NonCPS
String nearest(String name, Map known) {
    int least = Math.min(3, Math.max(1, (name.length() / 3).intValue()))
    String near = ''
    for (Object key : known.keySet()) {
        String candidate = key.toString()
        int d = distance(name.toLowerCase(), candidate.toLowerCase())
        boolean first = near == '' || candidate.compareTo(near) < 0
        if (d < name.length() && (d < least || (d == least && first))) {
            least = d
            near = candidate
        }
    }
    return near
}

/** Edit distance: the number of letters inserted, removed, replaced or swapped with the next one. */
@NonCPS
int distance(String a, String b) {
    List before = []
    List row = []
    for (int j = 0; j <= b.length(); j++) { row.add(j) }
    for (int i = 1; i <= a.length(); i++) {
        List next = [i]
        for (int j = 1; j <= b.length(); j++) {
            int changed = row[j - 1] + (a.substring(i - 1, i) == b.substring(j - 1, j) ? 0 : 1)
            int least = Math.min(Math.min(next[j - 1] + 1, row[j] + 1), changed)
            boolean swapped = i > 1 && j > 1 && a.substring(i - 1, i) == b.substring(j - 2, j - 1) &&
                a.substring(i - 2, i - 1) == b.substring(j - 1, j)
            next.add(swapped ? Math.min(least, before[j - 2] + 1) : least)
        }
        before = row
        row = next
    }
    return row[b.length()]
}
