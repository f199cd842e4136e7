/** From argv to a role. The only process.exit. */
console.log("tinydocker");
