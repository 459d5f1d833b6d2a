import groovy.lang.*;
import java.lang.reflect.Method;
import java.nio.file.*;
import java.util.*;
import org.codehaus.groovy.reflection.ReflectionCache;
import org.codehaus.groovy.runtime.*;
import org.kohsuke.groovy.sandbox.GroovyInterceptor;

/**
 * What Jenkins' Script Security does with a folder's library: whatever a script calls must be its own, a step, or on the list of
 * sandbox.txt, which has lines as that plugin writes them.
 */
final class Sandbox extends GroovyInterceptor {
    private static final Class<?>[] EXTENSIONS = { DefaultGroovyMethods.class, StringGroovyMethods.class, EncodingGroovyMethods.class, DateGroovyMethods.class, ProcessGroovyMethods.class };
    /** What the plugin permits of numbers, whatever they are. */
    private static final Set<String> NUMBER_MATH = new HashSet<>(Arrays.asList("plus", "minus", "multiply", "div", "compareTo", "or", "and", "xor", "intdiv", "mod", "leftShift", "rightShift", "rightShiftUnsigned"));
    private final Set<String> permitted = new HashSet<>();

    Sandbox(String list) throws Exception {
        for (String line : Files.readAllLines(Paths.get(list))) if (!line.isEmpty() && !line.startsWith("#")) permitted.add(line);
    }

    private static boolean own(Object o) { return o instanceof HarnessScript || o.getClass().getClassLoader() instanceof GroovyClassLoader; }
    /** `env` and `currentBuild`, whose properties the Pipeline plugins mark as permitted. */
    private static boolean given(Object o) { return o instanceof Program.EnvView || o instanceof Program.Build; }

    private static String types(Class<?>[] types) {
        StringBuilder b = new StringBuilder();
        for (Class<?> t : types) b.append(' ').append(t.isArray() ? t.getComponentType().getName() + "[]" : t.getName());
        return b.toString();
    }

    private void check(String... signatures) {
        for (String s : signatures) if (permitted.contains(s)) return;
        throw new SecurityException("Scripts not permitted to use " + (signatures.length == 0 ? "something unknown" : String.join(", ", signatures)));
    }

    /** The types of an object, the most general first, which is the order in which the plugin looks for a method. */
    private static void types(Set<Class<?>> found, Class<?> c) {
        if (c.getSuperclass() != null) types(found, c.getSuperclass());
        for (Class<?> i : c.getInterfaces()) types(found, i);
        found.add(c);
    }

    private static boolean fits(Class<?>[] parameters, Object[] args) {
        if (parameters.length != args.length) return false;
        for (int i = 0; i < args.length; i++) {
            Class<?> wanted = parameters[i].isPrimitive() ? ReflectionCache.autoboxType(parameters[i]) : parameters[i];
            if (args[i] == null ? parameters[i].isPrimitive() : !wanted.isInstance(args[i]) && !(wanted == String.class && args[i] instanceof GString)
                && !(parameters[i] == long.class && args[i] instanceof Integer)) return false;
        }
        return true;
    }

    private static boolean isCloser(Class<?>[] one, Class<?>[] other) {
        for (int i = 0; i < one.length; i++) if (!other[i].isAssignableFrom(one[i]) && !(other[i] == long.class && one[i] == int.class)) return false;
        return true;
    }

    /** The method that a class itself has for these arguments; null where it has none. */
    private static Method declared(Class<?> c, String name, Object[] args) {
        Method found = null;
        for (Method m : c.getDeclaredMethods()) {
            if (m.getName().equals(name) && fits(m.getParameterTypes(), args) && (found == null || isCloser(m.getParameterTypes(), found.getParameterTypes()))) found = m;
        }
        return found;
    }

    private void checkCall(Object receiver, String name, Object[] args) {
        Set<Class<?>> all = new LinkedHashSet<>();
        types(all, receiver.getClass());
        for (Class<?> c : all) {
            Method m = declared(c, name, args);
            // The most general one is asked for; that a closer one is on the list does not help.
            if (m != null) { check("method " + c.getName() + " " + name + types(m.getParameterTypes())); return; }
        }
        if (receiver instanceof Number && NUMBER_MATH.contains(name)) return;
        Object[] withSelf = new Object[args.length + 1];
        withSelf[0] = receiver;
        System.arraycopy(args, 0, withSelf, 1, args.length);
        List<String> found = new ArrayList<>();
        for (Class<?> e : EXTENSIONS) {
            Method m = declared(e, name, withSelf);
            if (m != null) found.add("staticMethod " + e.getName() + " " + name + types(m.getParameterTypes()));
        }
        check(found.toArray(new String[0]));
    }

    @Override public Object onMethodCall(Invoker invoker, Object receiver, String method, Object... args) throws Throwable {
        if (!own(receiver) && !(receiver instanceof Closure && method.equals("call"))) checkCall(receiver, method, args);
        return super.onMethodCall(invoker, receiver, method, args);
    }

    @Override public Object onStaticCall(Invoker invoker, Class receiver, String method, Object... args) throws Throwable {
        if (receiver == ScriptBytecodeAdapter.class && method.equals("asType")) {
            // An assignment to a typed variable, or a GString's parts: the newer groovy-sandbox asks only for what it would construct.
            Class<?> type = (Class<?>) args[1];
            if (!(args[0] == null || type.isInstance(args[0]) || type.isPrimitive() || type.isArray() || type == String.class || type == Boolean.class)) throw new SecurityException("Scripts not permitted to make " + type.getName() + " of " + args[0].getClass().getName());
            return super.onStaticCall(invoker, receiver, method, args);
        }
        if (receiver == Safepoints.class) return super.onStaticCall(invoker, receiver, method, args);
        Method m = declared(receiver, method, args);
        if (m == null) throw new SecurityException("No such static method found: " + receiver.getName() + " " + method);
        check("staticMethod " + receiver.getName() + " " + method + types(m.getParameterTypes()));
        // The build's clock, which a test may hurry.
        if (receiver == System.class && method.equals("currentTimeMillis")) return Harness.clock();
        return super.onStaticCall(invoker, receiver, method, args);
    }

    @Override public Object onNewInstance(Invoker invoker, Class receiver, Object... args) throws Throwable {
        // The Pipeline plugin permits GStrings, beside the lists.
        if (!(receiver.getClassLoader() instanceof GroovyClassLoader) && receiver != GStringImpl.class) {
            Class<?>[] given = new Class<?>[args.length];
            for (int i = 0; i < args.length; i++) given[i] = args[i] == null ? Object.class : args[i].getClass();
            check("new " + receiver.getName() + types(given));
        }
        return super.onNewInstance(invoker, receiver, args);
    }

    @Override public Object onGetProperty(Invoker invoker, Object receiver, String property) throws Throwable {
        if (receiver instanceof Map) check("method java.util.Map get java.lang.Object");
        else if (!own(receiver) && !given(receiver) && !(receiver.getClass().isArray() && property.equals("length"))) checkCall(receiver, "get" + Character.toUpperCase(property.charAt(0)) + property.substring(1), new Object[0]);
        return super.onGetProperty(invoker, receiver, property);
    }

    @Override public Object onSetProperty(Invoker invoker, Object receiver, String property, Object value) throws Throwable {
        if (receiver instanceof Map) check("method java.util.Map put java.lang.Object java.lang.Object");
        else if (!own(receiver) && !given(receiver)) throw new SecurityException("Scripts not permitted to set " + receiver.getClass().getName() + "." + property);
        return super.onSetProperty(invoker, receiver, property, value);
    }

    @Override public Object onGetArray(Invoker invoker, Object receiver, Object index) throws Throwable {
        if (!(receiver.getClass().isArray() && index instanceof Integer)) checkCall(receiver, "getAt", new Object[] { index });
        return super.onGetArray(invoker, receiver, index);
    }

    @Override public Object onSetArray(Invoker invoker, Object receiver, Object index, Object value) throws Throwable {
        if (!(receiver.getClass().isArray() && index instanceof Integer)) checkCall(receiver, "putAt", new Object[] { index, value });
        return super.onSetArray(invoker, receiver, index, value);
    }

    @Override public Object onGetAttribute(Invoker invoker, Object receiver, String attribute) { throw new SecurityException("no attributes: " + attribute); }
    @Override public Object onSetAttribute(Invoker invoker, Object receiver, String attribute, Object value) { throw new SecurityException("no attributes: " + attribute); }
}
