import "./early";

void import("./page");
