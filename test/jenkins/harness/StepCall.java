import java.io.Serializable;
import java.util.*;

/** A step that the script asked for; the program does it and goes on with what it gives. */
final class StepCall implements Serializable {
    final String name;
    final LinkedHashMap<String, Object> arguments;
    StepCall(String name, Map<String, Object> arguments) { this.name = name; this.arguments = new LinkedHashMap<>(arguments); }
    String text(String key) { Object v = arguments.get(key); return v == null ? null : v.toString(); }
    boolean flag(String key) { return Boolean.TRUE.equals(arguments.get(key)); }
}
