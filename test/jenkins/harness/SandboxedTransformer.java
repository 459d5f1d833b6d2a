import com.cloudbees.groovy.cps.CpsTransformer;
import com.cloudbees.groovy.cps.sandbox.Untrusted;
import org.codehaus.groovy.ast.*;
import org.codehaus.groovy.ast.stmt.Statement;
import org.codehaus.groovy.classgen.GeneratorContext;
import org.codehaus.groovy.control.SourceUnit;
import org.kohsuke.groovy.sandbox.SandboxTransformer;

/**
 * Compiles untrusted scripts: what groovy-cps does in its SandboxCpsTransformer, with the groovy-sandbox that Maven Central has, which
 * lacks what refuses finalizers and constructors in casts.
 */
final class SandboxedTransformer extends CpsTransformer {
    private final SandboxTransformer sandbox = new SandboxTransformer();
    private ClassCodeExpressionTransformer visitor;

    @Override public void call(SourceUnit source, GeneratorContext context, ClassNode type) {
        visitor = sandbox.createVisitor(source, type);
        super.call(source, context, type);
    }
    @Override protected void processConstructors(ClassNode type) { sandbox.processConstructors(visitor, type); }
    @Override protected void visitNontransformedMethod(MethodNode m) { visitor.visitMethod(m); }
    @Override protected void visitNontransformedField(FieldNode f) { visitor.visitField(f); }
    @Override protected void visitNontransformedStatement(Statement s) { s.visit(visitor); }
    @Override protected Class getTrustTag() { return Untrusted.class; }
}
