// Package config reads the settings of a command from its flags, from the
// environment and from a YAML file, by one table that also makes their
// documentation and an example file. It never knows what a setting is for.
// Start from New and Load.
//
// A setting has one name everywhere: save-every is --save-every as a flag,
// SATGRAPH_SAVE_EVERY in the environment and save-every in the file. A flag
// stands above the environment, that above the file, and the file above the
// default. A value in the environment or the file may stand in a file of its
// own: SATGRAPH_NAME_FILE, or name-file, names it.
package config
