/* a_pulse.h: the one pulse of a beacon of its own, whose key is gone since: nobody can sign
 * another. */
#ifndef FG_A_PULSE_H
#define FG_A_PULSE_H

#define PULSE_FILE "tests/fuzz/queue-front/corpus/beacon/pulse"

#define PULSE_CERTIFICATE                                                                          \
    "-----BEGIN CERTIFICATE-----\n"                                                                \
    "MIIDCTCCAfGgAwIBAgIULymz/jcwi8xj0PN3FtssuxDdpncwDQYJKoZIhvcNAQEL\n"                           \
    "BQAwEzERMA8GA1UEAwwIYSBiZWFjb24wIBcNMjYxMTIxMTIzNzE2WhgPMjEyNjEw\n"                           \
    "MjgxMjM3MTZaMBMxETAPBgNVBAMMCGEgYmVhY29uMIIBIjANBgkqhkiG9w0BAQEF\n"                           \
    "AAOCAQ8AMIIBCgKCAQEArTYruWVbBsZyMRUBYKwiW7BS4oRcRZF6a1EkCIfLjEdd\n"                           \
    "L2w2vJr54iChtQgaS4rVrsEKHkPGiWckss+Jh4PxOOk+VyBG5ndtW5SeK204TqDm\n"                           \
    "xSKGSeUh1gzCR5JMfci5jhf5dF8sODXCyjuhIFP8DoFkNcRhT405b0gRIMOrgGlD\n"                           \
    "N8MEfvj43B785ZqUdU7MMAGppwBkPTd9ASBdKZsOGOfGR2pt12QDYBEsp3g6VIYa\n"                           \
    "c+pjRW7fM4QouWvx9QrNETDwHnRWIWqprEsMR/XZMRvIMJBq2uh14rOXOEBZzT5T\n"                           \
    "PDT3b6S+uHSpz3lS+IWpV8gdaSk5Rc87OsFcsIiT7wIDAQABo1MwUTAdBgNVHQ4E\n"                           \
    "FgQUCPTojFJ6wzyF0mAVDP7NFBnLPDQwHwYDVR0jBBgwFoAUCPTojFJ6wzyF0mAV\n"                           \
    "DP7NFBnLPDQwDwYDVR0TAQH/BAUwAwEB/zANBgkqhkiG9w0BAQsFAAOCAQEARj3a\n"                           \
    "jpfUqIndll7q56MEUm5FavwMkmAX6UO2Xk2DlcNTBNsM4cRV3kjaVr8fS703zTKx\n"                           \
    "lPpSALOJyHMFrVKcpd4ioCuNf65RagJ0XpOI+YkICaaNYLbhU2i8QMWDkDLKbpQX\n"                           \
    "PPWjlTykoDH795/bLHHA2yoE9lQfJfidtaM6j7e3PzzQ6ILTIFnlNbxdn0IjhUkK\n"                           \
    "6yJhVvoxtwRRXg9OKZqnOzKoFCuIA0Bl2I/Bfkzz5+5Bi/wdPh8kDWXPUXQ668UP\n"                           \
    "CGsz5ohjZOPi7q/zYeDJwRCbLpgvEQOzO2Tl6nmCaApgwdovB3lo27uhFPShY7sJ\n"                           \
    "61BG6XPlGZw3Zmfs5w==\n"                                                                       \
    "-----END CERTIFICATE-----\n"

#define PULSE_VALUE                                                                                \
    "78d0a82dd3289cef47e2424d9432910a2b5ed4bdd8700804b43382ca869c8055"                             \
    "5b3f0824c803fcb10c759d75522667e2c309764202ce456476a4798feaa691b2"

enum { PULSE_CHAIN = 2 };
#define PULSE_AT_MS UINT64_C(1893456000000)

#endif
