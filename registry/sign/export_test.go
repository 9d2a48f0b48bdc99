package sign

// WithContent returns an envelope with other content.
func WithContent(e Envelope, content []byte) Envelope {
	e.content = content
	return e
}

// NewTagEnvelope returns the envelope of a keyless signature in the tag form.
func NewTagEnvelope(subject string, content, signature []byte, certificate, chain, log string) Envelope {
	return Envelope{Subject: subject, form: formTag, content: content, signature: signature,
		keyless: tagMaterial{certificate: certificate, chain: chain, log: log}}
}

// Signed returns an envelope with another signature.
func Signed(e Envelope, signature []byte) Envelope {
	e.signature = signature
	return e
}
