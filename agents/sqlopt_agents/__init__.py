"""Who proposes rewrites: policies, rewrite techniques, and ReST-EM."""
