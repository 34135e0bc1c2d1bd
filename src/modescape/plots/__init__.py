"""The drawing kit that figures share: panels, fields, styles, files; labelled results in, figures out."""
