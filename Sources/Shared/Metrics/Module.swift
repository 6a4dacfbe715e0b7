/// The module's border; see DESIGN section 2.
