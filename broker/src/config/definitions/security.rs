//! Authentication and encryption. Nothing of it is served yet.

use super::*;

definitions! {
    shown;
    String "authorizer.class.name" = "", Any, ReadOnly, None: "Authorization, which is not there yet.";
    Int "connection.failed.authentication.delay.ms" = "100", AtLeast(0), ReadOnly, None:
        "Authentication, which is not there yet.";
    Long "connections.max.reauth.ms" = "0", Any, ReadOnly, None: "Authentication, which is not there yet.";
    Long "delegation.token.expiry.check.interval.ms" = "3600000", AtLeast(1), ReadOnly, None:
        "Delegation tokens, which are not there.";
    Long "delegation.token.expiry.time.ms" = "86400000", AtLeast(1), ReadOnly, None:
        "Delegation tokens, which are not there.";
    Long "delegation.token.max.lifetime.ms" = "604800000", AtLeast(1), ReadOnly, None:
        "Delegation tokens, which are not there.";
    Password "delegation.token.secret.key" = null, Any, ReadOnly, None: "Delegation tokens, which are not there.";
    Class "principal.builder.class" = "org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder", Any, PerBroker, None:
        "Java classes of the security layer; Java classes are not loaded.";
    Class "sasl.client.callback.handler.class" = null, Any, ReadOnly, None:
        "SASL authentication, which is not there yet.";
    List "sasl.enabled.mechanisms" = "GSSAPI", Any, PerBroker, None: "SASL authentication, which is not there yet.";
    Password "sasl.jaas.config" = null, Any, PerBroker, None: "SASL authentication, which is not there yet.";
    String "sasl.kerberos.kinit.cmd" = "/usr/bin/kinit", Any, PerBroker, None:
        "SASL authentication, which is not there yet.";
    Long "sasl.kerberos.min.time.before.relogin" = "60000", Any, PerBroker, None:
        "SASL authentication, which is not there yet.";
    List "sasl.kerberos.principal.to.local.rules" = "DEFAULT", Any, PerBroker, None:
        "SASL authentication, which is not there yet.";
    String "sasl.kerberos.service.name" = null, Any, PerBroker, None: "SASL authentication, which is not there yet.";
    Double "sasl.kerberos.ticket.renew.jitter" = "0.05", Any, PerBroker, None:
        "SASL authentication, which is not there yet.";
    Double "sasl.kerberos.ticket.renew.window.factor" = "0.8", Any, PerBroker, None:
        "SASL authentication, which is not there yet.";
    Class "sasl.login.callback.handler.class" = null, Any, ReadOnly, None:
        "SASL authentication, which is not there yet.";
    Class "sasl.login.class" = null, Any, ReadOnly, None: "SASL authentication, which is not there yet.";
    Int "sasl.login.connect.timeout.ms" = null, Any, ReadOnly, None: "SASL authentication, which is not there yet.";
    Int "sasl.login.read.timeout.ms" = null, Any, ReadOnly, None: "SASL authentication, which is not there yet.";
    Short "sasl.login.refresh.buffer.seconds" = "300", Any, PerBroker, None:
        "SASL authentication, which is not there yet.";
    Short "sasl.login.refresh.min.period.seconds" = "60", Any, PerBroker, None:
        "SASL authentication, which is not there yet.";
    Double "sasl.login.refresh.window.factor" = "0.8", Any, PerBroker, None:
        "SASL authentication, which is not there yet.";
    Double "sasl.login.refresh.window.jitter" = "0.05", Any, PerBroker, None:
        "SASL authentication, which is not there yet.";
    Long "sasl.login.retry.backoff.max.ms" = "10000", Any, ReadOnly, None:
        "SASL authentication, which is not there yet.";
    Long "sasl.login.retry.backoff.ms" = "100", Any, ReadOnly, None: "SASL authentication, which is not there yet.";
    String "sasl.mechanism.controller.protocol" = "GSSAPI", Any, ReadOnly, None:
        "SASL authentication, which is not there yet.";
    String "sasl.mechanism.inter.broker.protocol" = "GSSAPI", Any, PerBroker, None:
        "SASL authentication, which is not there yet.";
    String "sasl.oauthbearer.assertion.algorithm" = "RS256", OneOfAnyCase(&["ES256", "RS256"]), ReadOnly, None:
        "SASL authentication, which is not there yet.";
    String "sasl.oauthbearer.assertion.claim.aud" = null, Any, ReadOnly, None:
        "SASL authentication, which is not there yet.";
    Int "sasl.oauthbearer.assertion.claim.exp.seconds" = "300", Between(0, 86400), ReadOnly, None:
        "SASL authentication, which is not there yet.";
    String "sasl.oauthbearer.assertion.claim.iss" = null, Any, ReadOnly, None:
        "SASL authentication, which is not there yet.";
    Boolean "sasl.oauthbearer.assertion.claim.jti.include" = "false", Any, ReadOnly, None:
        "SASL authentication, which is not there yet.";
    Int "sasl.oauthbearer.assertion.claim.nbf.seconds" = "60", Between(0, 3600), ReadOnly, None:
        "SASL authentication, which is not there yet.";
    String "sasl.oauthbearer.assertion.claim.sub" = null, Any, ReadOnly, None:
        "SASL authentication, which is not there yet.";
    String "sasl.oauthbearer.assertion.file" = null, Any, ReadOnly, None:
        "SASL authentication, which is not there yet.";
    String "sasl.oauthbearer.assertion.private.key.file" = null, Any, ReadOnly, None:
        "SASL authentication, which is not there yet.";
    Password "sasl.oauthbearer.assertion.private.key.passphrase" = null, Any, ReadOnly, None:
        "SASL authentication, which is not there yet.";
    String "sasl.oauthbearer.assertion.template.file" = null, Any, ReadOnly, None:
        "SASL authentication, which is not there yet.";
    String "sasl.oauthbearer.client.credentials.client.id" = null, Any, ReadOnly, None:
        "SASL authentication, which is not there yet.";
    Password "sasl.oauthbearer.client.credentials.client.secret" = null, Any, ReadOnly, None:
        "SASL authentication, which is not there yet.";
    Int "sasl.oauthbearer.clock.skew.seconds" = "30", Any, ReadOnly, None:
        "SASL authentication, which is not there yet.";
    List "sasl.oauthbearer.expected.audience" = "", Any, ReadOnly, None: "SASL authentication, which is not there yet.";
    String "sasl.oauthbearer.expected.issuer" = null, Any, ReadOnly, None:
        "SASL authentication, which is not there yet.";
    Long "sasl.oauthbearer.jwks.endpoint.refresh.ms" = "3600000", Any, ReadOnly, None:
        "SASL authentication, which is not there yet.";
    Long "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms" = "10000", Any, ReadOnly, None:
        "SASL authentication, which is not there yet.";
    Long "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms" = "100", Any, ReadOnly, None:
        "SASL authentication, which is not there yet.";
    String "sasl.oauthbearer.jwks.endpoint.url" = null, Any, ReadOnly, None:
        "SASL authentication, which is not there yet.";
    Class "sasl.oauthbearer.jwt.retriever.class" = "org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever", Any, ReadOnly, None:
        "SASL authentication, which is not there yet.";
    Class "sasl.oauthbearer.jwt.validator.class" = "org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator", Any, ReadOnly, None:
        "SASL authentication, which is not there yet.";
    String "sasl.oauthbearer.scope" = null, Any, ReadOnly, None: "SASL authentication, which is not there yet.";
    String "sasl.oauthbearer.scope.claim.name" = "scope", Any, ReadOnly, None:
        "SASL authentication, which is not there yet.";
    String "sasl.oauthbearer.sub.claim.name" = "sub", Any, ReadOnly, None:
        "SASL authentication, which is not there yet.";
    String "sasl.oauthbearer.token.endpoint.url" = null, Any, ReadOnly, None:
        "SASL authentication, which is not there yet.";
    Class "sasl.server.callback.handler.class" = null, Any, ReadOnly, None:
        "SASL authentication, which is not there yet.";
    Int "sasl.server.max.receive.size" = "524288", Any, ReadOnly, None: "SASL authentication, which is not there yet.";
    String "security.inter.broker.protocol" = "PLAINTEXT", OneOf(&["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]), ReadOnly, Used:
        "Protocol between brokers where inter.broker.listener.name is not set.";
    String "security.providers" = null, Any, ReadOnly, None:
        "Java classes of the security layer; Java classes are not loaded.";
    Boolean "ssl.allow.dn.changes" = "false", Any, ReadOnly, None: "TLS, which is not there yet.";
    Boolean "ssl.allow.san.changes" = "false", Any, ReadOnly, None: "TLS, which is not there yet.";
    List "ssl.cipher.suites" = "", Any, PerBroker, None: "TLS, which is not there yet.";
    String "ssl.client.auth" = "none", OneOf(&["required", "requested", "none"]), PerBroker, None:
        "TLS, which is not there yet.";
    List "ssl.enabled.protocols" = "TLSv1.2,TLSv1.3", Any, PerBroker, None: "TLS, which is not there yet.";
    String "ssl.endpoint.identification.algorithm" = "https", Any, PerBroker, None: "TLS, which is not there yet.";
    Class "ssl.engine.factory.class" = null, Any, PerBroker, None: "TLS, which is not there yet.";
    Password "ssl.key.password" = null, Any, PerBroker, None: "TLS, which is not there yet.";
    String "ssl.keymanager.algorithm" = "SunX509", Any, PerBroker, None: "TLS, which is not there yet.";
    Password "ssl.keystore.certificate.chain" = null, Any, PerBroker, None: "TLS, which is not there yet.";
    Password "ssl.keystore.key" = null, Any, PerBroker, None: "TLS, which is not there yet.";
    String "ssl.keystore.location" = null, Any, PerBroker, None: "TLS, which is not there yet.";
    Password "ssl.keystore.password" = null, Any, PerBroker, None: "TLS, which is not there yet.";
    String "ssl.keystore.type" = "JKS", Any, PerBroker, None: "TLS, which is not there yet.";
    String "ssl.principal.mapping.rules" = "DEFAULT", Any, ReadOnly, None: "TLS, which is not there yet.";
    String "ssl.protocol" = "TLSv1.3", Any, PerBroker, None: "TLS, which is not there yet.";
    String "ssl.provider" = null, Any, PerBroker, None: "TLS, which is not there yet.";
    String "ssl.secure.random.implementation" = null, Any, PerBroker, None: "TLS, which is not there yet.";
    String "ssl.trustmanager.algorithm" = "PKIX", Any, PerBroker, None: "TLS, which is not there yet.";
    Password "ssl.truststore.certificates" = null, Any, PerBroker, None: "TLS, which is not there yet.";
    String "ssl.truststore.location" = null, Any, PerBroker, None: "TLS, which is not there yet.";
    Password "ssl.truststore.password" = null, Any, PerBroker, None: "TLS, which is not there yet.";
    String "ssl.truststore.type" = "JKS", Any, PerBroker, None: "TLS, which is not there yet.";
}
