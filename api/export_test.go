package api

// StandardIntrospection is what clients send to learn the schema.
const StandardIntrospection = standardIntrospection
