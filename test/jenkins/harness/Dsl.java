import groovy.lang.*;
import java.nio.file.*;
import java.util.*;
import org.codehaus.groovy.control.CompilerConfiguration;
import org.codehaus.groovy.runtime.InvokerHelper;

/** Runs a Job DSL script against a recorder, as JSON: every call is a list of its name, its arguments and, where it has a body, that body's calls. */
public final class Dsl {
    public static void main(String[] args) throws Exception {
        CompilerConfiguration c = new CompilerConfiguration();
        c.setScriptBaseClass(Recording.class.getName());
        Recording script = (Recording) new GroovyShell(Dsl.class.getClassLoader(), new Binding(), c).parse(new String(Files.readAllBytes(Paths.get(args[0])), "UTF-8"), "jobs.groovy");
        script.run();
        System.out.println(groovy.json.JsonOutput.toJson(script.calls));
    }

    static Object record(List<Object> calls, String name, Object arguments) {
        List<Object> call = new ArrayList<>(Collections.singletonList(name));
        calls.add(call);
        for (Object a : InvokerHelper.asArray(arguments)) {
            if (a instanceof Closure) {
                Body body = new Body();
                Closure<?> closure = (Closure<?>) ((Closure<?>) a).clone();
                closure.setDelegate(body);
                closure.setResolveStrategy(Closure.DELEGATE_ONLY);
                closure.call();
                call.add(body.calls);
            } else call.add(a);
        }
        return null;
    }

    public abstract static class Recording extends Script {
        final List<Object> calls = new ArrayList<>();
        @Override public Object invokeMethod(String name, Object arguments) { return record(calls, name, arguments); }
    }

    public static final class Body extends GroovyObjectSupport {
        final List<Object> calls = new ArrayList<>();
        @Override public Object invokeMethod(String name, Object arguments) { return record(calls, name, arguments); }
    }
}
