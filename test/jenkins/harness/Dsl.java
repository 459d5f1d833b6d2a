import groovy.lang.*;
import java.nio.file.*;
import java.util.*;
import org.codehaus.groovy.control.CompilerConfiguration;
import org.codehaus.groovy.runtime.InvokerHelper;

/**
 * Runs a Job DSL script as the plugin's seed step does, held to its API reference (jobdsl.txt): what is unknown, missing or of the
 * wrong type is refused with the plugin's words. Records the calls, and which items keep their own credentials when the script runs again.
 *
 * java Dsl SCRIPT JOBDSL.TXT PLUGIN,PLUGIN prints {"calls": [[name, argument or body ...] ...], "kept": [item ...]}
 */
public final class Dsl {
    static final class Method { boolean required; String type; String plugin; }
    static final Map<String, Map<String, Method>> contexts = new LinkedHashMap<>();
    static Set<String> plugins;

    public static void main(String[] args) throws Exception {
        for (String line : Files.readAllLines(Paths.get(args[1]))) {
            if (line.isEmpty() || line.startsWith("#")) continue;
            String[] w = line.split(" ");
            Method m = new Method();
            m.required = w[1].endsWith("!");
            m.type = w[2].split("@")[0];
            m.plugin = w[2].contains("@") ? w[2].split("@")[1] : null;
            contexts.computeIfAbsent(w[0], k -> new LinkedHashMap<>()).put(w[1].replace("!", ""), m);
        }
        plugins = new HashSet<>(Arrays.asList(args.length > 2 ? args[2].split(",") : new String[0]));
        CompilerConfiguration c = new CompilerConfiguration();
        c.setScriptBaseClass(Recording.class.getName());
        // The items of a Jenkins: an update replaces an item's properties, but for the credentials of plain folders.
        Map<String, Map<String, Object>> items = new LinkedHashMap<>();
        List<Object> calls = null;
        for (int run = 0; run < 2; run++) {
            Recording script = (Recording) new GroovyShell(Dsl.class.getClassLoader(), new Binding(), c).parse(new String(Files.readAllBytes(Paths.get(args[0])), "UTF-8"), "jobs.groovy");
            try { script.run(); } catch (RuntimeException e) { System.err.println("ERROR: (jobs.groovy) " + e.getMessage()); System.exit(1); }
            calls = script.calls;
            for (Object o : calls) {
                List<?> call = (List<?>) o;
                String path = call.get(1).toString();
                int slash = path.lastIndexOf('/');
                if (slash > 0 && !items.containsKey(path.substring(0, slash))) { System.err.println("ERROR: Could not create item, unknown parent path in \"" + path + "\""); System.exit(1); }
                Map<String, Object> before = items.get(path);
                if (before != null && !before.get("type").equals(call.get(0))) { System.err.println("ERROR: Type of item \"" + path + "\" does not match existing type"); System.exit(1); }
                Map<String, Object> now = new LinkedHashMap<>();
                now.put("type", call.get(0));
                if (before != null && before.get("type").equals("folder")) now.put("credentials", before.get("credentials"));
                items.put(path, now);
            }
            // Somebody keeps a key in every item.
            if (run == 0) for (Map<String, Object> item : items.values()) item.put("credentials", "key");
        }
        List<String> kept = new ArrayList<>();
        items.forEach((path, item) -> { if (item.get("credentials") != null) kept.add(path); });
        Map<String, Object> said = new LinkedHashMap<>();
        said.put("calls", calls);
        said.put("kept", kept);
        System.out.println(groovy.json.JsonOutput.toJson(said));
    }

    static Object record(List<Object> calls, String context, String name, Object arguments) {
        Object[] args = InvokerHelper.asArray(arguments);
        Method m = contexts.get(context) == null ? null : contexts.get(context).get(name);
        if (m == null || m.plugin != null && !plugins.contains(m.plugin)) throw new MissingMethodException(name, Body.class, args);
        List<Object> call = new ArrayList<>(Collections.singletonList(name));
        for (Object a : args) {
            if (a instanceof Closure) {
                Body body = new Body(m.type);
                Closure<?> closure = (Closure<?>) ((Closure<?>) a).clone();
                closure.setDelegate(body);
                closure.setResolveStrategy(Closure.DELEGATE_FIRST);
                closure.call();
                call.add(body.calls);
            } else call.add(a);
        }
        boolean item = context.equals("Script");
        Object last = args.length == 0 ? null : args[args.length - 1];
        boolean fits = args.length == (item ? 2 : last == null ? 0 : 1) && (Character.isUpperCase(m.type.charAt(0)) ? last instanceof Closure || last == null && !m.required
            : m.type.equals("number") ? last instanceof Integer : m.type.equals("flag") ? last instanceof Boolean : last instanceof String);
        if (!fits) throw new MissingMethodException(name, Body.class, args);
        if (Character.isUpperCase(m.type.charAt(0))) {
            Set<String> said = new HashSet<>();
            if (last instanceof Closure) for (Object o : (List<?>) call.get(call.size() - 1)) said.add(((List<?>) o).get(0).toString());
            List<String> missing = new ArrayList<>();
            contexts.getOrDefault(m.type, Collections.emptyMap()).forEach((n, part) -> { if (part.required && !said.contains(n)) missing.add(n); });
            if (!missing.isEmpty()) throw new IllegalArgumentException("the following options are required and must be specified: " + String.join(", ", missing));
        }
        calls.add(call);
        return null;
    }

    public abstract static class Recording extends Script {
        final List<Object> calls = new ArrayList<>();
        @Override public Object invokeMethod(String name, Object arguments) { return record(calls, "Script", name, arguments); }
    }

    public static final class Body extends GroovyObjectSupport {
        final List<Object> calls = new ArrayList<>();
        private final String context;
        Body(String context) { this.context = context; }
        @Override public Object invokeMethod(String name, Object arguments) { return record(calls, context, name, arguments); }
    }
}
