import groovy.lang.*;
import java.nio.file.*;
import java.util.*;
import org.codehaus.groovy.runtime.*;
import org.kohsuke.groovy.sandbox.GroovyInterceptor;

/**
 * What Jenkins' Script Security does with a folder's library: whatever a script calls must be its own, a step, or on the list of
 * sandbox.txt, which has lines as that plugin writes them.
 */
final class Sandbox extends GroovyInterceptor {
    private static final Class<?>[] EXTENSIONS = { DefaultGroovyMethods.class, StringGroovyMethods.class, DefaultGroovyStaticMethods.class, IOGroovyMethods.class, ResourceGroovyMethods.class, EncodingGroovyMethods.class, ProcessGroovyMethods.class };
    /** What the plugin permits of numbers, whatever they are. */
    private static final Set<String> NUMBER_MATH = new HashSet<>(Arrays.asList("plus", "minus", "multiply", "div", "compareTo"));
    private final Set<String> permitted = new HashSet<>();

    Sandbox(String list) throws Exception {
        for (String line : Files.readAllLines(Paths.get(list))) if (!line.isEmpty() && !line.startsWith("#")) permitted.add(line);
    }

    private static boolean own(Object o) { return o instanceof HarnessScript || o.getClass().getClassLoader() instanceof GroovyClassLoader; }
    /** `env` and `currentBuild`, whose properties the Pipeline plugins mark as permitted. */
    private static boolean given(Object o) { return o instanceof Program.EnvView || o instanceof Program.Build; }

    private static String types(Class<?>[] types) {
        StringBuilder b = new StringBuilder();
        for (Class<?> t : types) b.append(' ').append(t.getCanonicalName());
        return b.toString();
    }

    private void check(String... signatures) {
        for (String s : signatures) if (permitted.contains(s)) return;
        throw new SecurityException("Scripts not permitted to use " + (signatures.length == 0 ? "something unknown" : signatures[0]));
    }

    /** A method as it may stand on the list: by its own class, or by any that it comes from. */
    private static String[] signatures(Class<?> type, String name, Class<?>[] parameters) {
        LinkedHashSet<String> found = new LinkedHashSet<>();
        for (Class<?> c = type; c != null; c = c.getSuperclass()) add(found, c, name, parameters);
        return found.toArray(new String[0]);
    }

    private static void add(Set<String> found, Class<?> c, String name, Class<?>[] parameters) {
        found.add("method " + c.getCanonicalName() + " " + name + types(parameters));
        for (Class<?> i : c.getInterfaces()) add(found, i, name, parameters);
    }

    private void checkCall(Object receiver, String name, Object[] args) {
        Class<?>[] given = new Class<?>[args.length];
        for (int i = 0; i < args.length; i++) given[i] = args[i] == null ? null : args[i].getClass();
        MetaMethod m = InvokerHelper.getMetaClass(receiver).pickMethod(name, given);
        if (m == null) throw new SecurityException("No such method found: " + receiver.getClass().getName() + " " + name + types(given));
        Class<?>[] parameters = m.getNativeParameterTypes();
        Class<?> declaring = m.getDeclaringClass().getTheClass();
        if (receiver instanceof Number && args.length == 1 && args[0] instanceof Number && NUMBER_MATH.contains(name)) return;
        List<String> found = new ArrayList<>(Arrays.asList(signatures(receiver.getClass(), name, parameters)));
        if (m instanceof org.codehaus.groovy.reflection.GeneratedMetaMethod || m instanceof org.codehaus.groovy.runtime.metaclass.NewInstanceMetaMethod) {
            Class<?>[] all = new Class<?>[parameters.length + 1];
            all[0] = declaring;
            System.arraycopy(parameters, 0, all, 1, parameters.length);
            for (Class<?> e : EXTENSIONS) {
                try { e.getMethod(name, all); found.add("staticMethod " + e.getName() + " " + name + types(all)); } catch (NoSuchMethodException none) { }
            }
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
        MetaMethod m = ((MetaClassImpl) GroovySystem.getMetaClassRegistry().getMetaClass(receiver)).getStaticMetaMethod(method, args);
        if (m == null) throw new SecurityException("No such static method found: " + receiver.getName() + " " + method);
        check("staticMethod " + m.getDeclaringClass().getTheClass().getName() + " " + method + types(m.getNativeParameterTypes()));
        // The build's clock, which a test may hurry.
        if (receiver == System.class && method.equals("currentTimeMillis")) return Harness.clock();
        return super.onStaticCall(invoker, receiver, method, args);
    }

    @Override public Object onNewInstance(Invoker invoker, Class receiver, Object... args) throws Throwable {
        if (!(receiver.getClassLoader() instanceof GroovyClassLoader)) {
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
