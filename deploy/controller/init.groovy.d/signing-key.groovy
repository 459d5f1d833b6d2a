// Puts the signing key into the folder of the job that publishes, where no other job sees it. Configuration as code
// writes credentials for all of Jenkins only.
import com.cloudbees.hudson.plugins.folder.Folder
import com.cloudbees.hudson.plugins.folder.properties.FolderCredentialsProvider.FolderCredentialsProperty
import com.cloudbees.plugins.credentials.CredentialsScope
import com.cloudbees.plugins.credentials.SecretBytes
import com.cloudbees.plugins.credentials.domains.Domain
import com.cloudbees.plugins.credentials.domains.DomainCredentials
import hudson.util.Secret
import java.nio.file.Files
import java.nio.file.Path
import jenkins.model.Jenkins
import org.jenkinsci.plugins.plaincredentials.impl.FileCredentialsImpl
import org.jenkinsci.plugins.plaincredentials.impl.StringCredentialsImpl

def secrets = Path.of(System.getenv('SECRETS') ?: '/run/secrets')
def folder = Jenkins.get().getItemByFullName("${System.getenv('SLIPWAY_ORGANIZATION')}/publish", Folder)
if (folder != null) {
    def property = folder.properties.get(FolderCredentialsProperty)
    if (property == null) {
        property = new FolderCredentialsProperty([] as DomainCredentials[])
        folder.addProperty(property)
    }
    def store = property.store
    def put = { credential ->
        def former = store.getCredentials(Domain.global()).find { it.id == credential.id }
        if (former == null) {
            store.addCredentials(Domain.global(), credential)
        } else {
            store.updateCredentials(Domain.global(), former, credential)
        }
    }
    def key = secrets.resolve('SIGNING_KEY')
    if (Files.isReadable(key)) {
        put(new FileCredentialsImpl(CredentialsScope.GLOBAL, 'apt-key', 'Signs the apt repository', 'key.asc',
            SecretBytes.fromBytes(Files.readAllBytes(key))))
    }
    def passphrase = secrets.resolve('SIGNING_PASSPHRASE')
    if (Files.isReadable(passphrase)) {
        put(new StringCredentialsImpl(CredentialsScope.GLOBAL, 'apt-passphrase', 'Passphrase of the signing key',
            Secret.fromString(Files.readString(passphrase).trim())))
    }
}
