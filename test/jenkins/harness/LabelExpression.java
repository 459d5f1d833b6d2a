import java.util.function.Predicate;

/** An expression of labels as Jenkins has it: names, plain or in quotes, with `!`, `&&`, `||` and parentheses. */
final class LabelExpression {
    private final String text;
    private final Predicate<String> has;
    private int at;

    LabelExpression(String text, Predicate<String> has) { this.text = text; this.has = has; }

    boolean holds() {
        boolean value = either();
        if (at < text.length()) throw new IllegalArgumentException("Invalid label expression: " + text);
        return value;
    }
    private boolean either() { boolean value = both(); while (next("||")) value |= both(); return value; }
    private boolean both() { boolean value = one(); while (next("&&")) value &= one(); return value; }
    private boolean one() {
        if (next("!")) return !one();
        if (next("(")) { boolean value = either(); if (!next(")")) throw new IllegalArgumentException("Invalid label expression: " + text); return value; }
        int start = at;
        if (next("\"")) { start = at; while (text.charAt(at) != '"') at++; String name = text.substring(start, at++); blank(); return has.test(name); }
        while (at < text.length() && "!&|() \"".indexOf(text.charAt(at)) < 0) at++;
        if (at == start) throw new IllegalArgumentException("Invalid label expression: " + text);
        String name = text.substring(start, at);
        blank();
        return has.test(name);
    }
    private boolean next(String sign) {
        blank();
        if (!text.startsWith(sign, at)) return false;
        at += sign.length();
        if (!sign.equals("\"")) blank();
        return true;
    }
    private void blank() { while (at < text.length() && text.charAt(at) == ' ') at++; }
}
