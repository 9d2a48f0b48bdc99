package gosdk

// singleThreaded says that reading the SDK's fields cannot race.
const singleThreaded = true
