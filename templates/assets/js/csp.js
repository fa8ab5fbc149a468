/* Filled in by `convatlas build` with the content security policy of the finished site; empty otherwise. */
