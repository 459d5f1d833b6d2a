import com.cloudbees.groovy.cps.Continuable;
import com.cloudbees.groovy.cps.SerializableScript;
import groovy.lang.MissingMethodException;
import java.util.*;
import org.codehaus.groovy.runtime.InvokerHelper;

/** What CpsScript is in Jenkins: names that a script does not have are steps, symbols and the library's vars. */
public abstract class HarnessScript extends SerializableScript {
    @Override public Object getProperty(String name) {
        Program p = Program.current;
        if (name.equals("env")) return p.env();
        if (name.equals("scm")) return "scm";
        if (name.equals("currentBuild")) return p.build;
        Object v = p.vars.get(name);
        return v != null ? v : super.getProperty(name);
    }

    @Override public Object invokeMethod(String name, Object arguments) {
        Object[] args = InvokerHelper.asArray(arguments);
        Program p = Program.current;
        if (getMetaClass().respondsTo(this, name, args).isEmpty()) {
            if (p.vars.containsKey(name)) return InvokerHelper.invokeMethod(p.vars.get(name), "call", args);
            if (Signatures.STEPS.containsKey(name)) return Continuable.suspend(name, new StepCall(name, Signatures.named(Signatures.STEPS, name, args)));
            if (Signatures.SYMBOLS.containsKey(name)) {
                LinkedHashMap<String, Object> symbol = new LinkedHashMap<>(Signatures.named(Signatures.SYMBOLS, name, args));
                symbol.put("$symbol", name);
                return symbol;
            }
            throw new NoSuchMethodError("No such DSL method '" + name + "' found among steps " + new TreeSet<>(Signatures.STEPS.keySet()));
        }
        return super.invokeMethod(name, arguments);
    }
}
