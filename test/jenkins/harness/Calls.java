import java.io.File;
import java.util.*;
import org.codehaus.groovy.ast.*;
import org.codehaus.groovy.ast.expr.*;
import org.codehaus.groovy.control.*;

/** Prints every method and constructor that the vars of a folder call, as the compiler sees them. */
public final class Calls {
    public static void main(String[] args) throws Exception {
        TreeSet<String> found = new TreeSet<>();
        CompilerConfiguration c = new CompilerConfiguration();
        c.addCompilationCustomizers(new org.codehaus.groovy.control.customizers.ImportCustomizer().addImports("com.cloudbees.groovy.cps.NonCPS"));
        for (File f : new File(args[0]).listFiles((d, n) -> n.endsWith(".groovy"))) {
            CompilationUnit unit = new CompilationUnit(c);
            SourceUnit source = unit.addSource(f);
            unit.compile(Phases.SEMANTIC_ANALYSIS);
            for (ClassNode k : source.getAST().getClasses()) {
                ClassCodeVisitorSupport visitor = new ClassCodeVisitorSupport() {
                    @Override protected SourceUnit getSourceUnit() { return source; }
                    @Override public void visitMethodCallExpression(MethodCallExpression call) { found.add(call.getMethodAsString() == null ? "a method named at run time" : call.getMethodAsString()); super.visitMethodCallExpression(call); }
                    @Override public void visitStaticMethodCallExpression(StaticMethodCallExpression call) { found.add(call.getMethod()); super.visitStaticMethodCallExpression(call); }
                    @Override public void visitConstructorCallExpression(ConstructorCallExpression call) { if (!call.isSpecialCall()) found.add("new " + call.getType().getName()); super.visitConstructorCallExpression(call); }
                };
                for (MethodNode m : k.getMethods()) if (m.getLineNumber() > 0) visitor.visitMethod(m);
            }
        }
        found.forEach(System.out::println);
    }
}
