package store

func verify(path string) error { return nil }
